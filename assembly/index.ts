/** The engine's export list; nothing else stands here. */
export { crc16 } from "./protocol/crc16";
