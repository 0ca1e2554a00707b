/** A guarded write found a row in another state than the one it was decided on: the transaction starts anew. */
export class StaleRows extends Error {
  override readonly name = "StaleRows";
}
