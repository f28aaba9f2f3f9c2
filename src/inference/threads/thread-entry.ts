/** Where an inference thread starts. A file of its own, so that tests can have the threads run what was built. */
export const THREAD_ENTRY = new URL('./thread-main.js', import.meta.url);
