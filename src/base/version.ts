/** The version of Redis whose behaviour this server follows; what clients and tools are told. */
export const redisVersion = "7.0.15";

/** Our own. Kept equal to package.json by a test. */
export const atollVersion = "0.1.0";
