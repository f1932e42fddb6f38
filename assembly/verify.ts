/** What only tests may call, in the two test builds: structures by themselves, and their invariant walks. */
export { VERIFY } from "./config";
