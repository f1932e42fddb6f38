/** True in the `verify` build: costly invariant walks run inside the engine. */
export const VERIFY: bool = isDefined(ATOLL_VERIFY);
