/** How many times slower this machine is than one that people use: the emulated one says so in the environment. */
export const SLOW = Number(process.env.BULKHEAD_TEST_SLOW ?? 1)
