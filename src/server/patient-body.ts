/**
 * The bytes of an answer, read as fast as the client takes them: it may pause, but where it takes nothing for `stallMs` the
 * answer is cut.
 */
export function patientBody(source: ReadableStream<Uint8Array>, stallMs: number): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  let stalled: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  const end = () => {
    isOver = true;
    clearTimeout(stalled);
  };
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      clearTimeout(stalled);
      const { done, value } = await reader.read();
      if (isOver) return;
      if (done) {
        end();
        controller.close();
        return;
      }
      controller.enqueue(value);
      stalled = setTimeout(() => {
        end();
        reader.cancel().catch(() => {});
        controller.error(new Error("the client does not read"));
      }, stallMs);
    },
    async cancel(reason) {
      end();
      await reader.cancel(reason).catch(() => {});
    },
  });
}
