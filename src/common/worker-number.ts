import cluster from 'node:cluster';

/** Which worker process this is: 1, 2, …, never given twice in the life of a service; 0 where there is one process. */
export const WORKER_NUMBER = cluster.worker?.id ?? 0;
