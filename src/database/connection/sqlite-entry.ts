/** Where the thread of SQLite starts. A file of its own, so that tests can have it run what was built. */
export const SQLITE_ENTRY = new URL('./sqlite-main.js', import.meta.url);
