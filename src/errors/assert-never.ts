/** Ends a total switch: a new member of the union is a type error at the call, and a thrown error at run time. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
