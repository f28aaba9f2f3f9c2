import { type ChildProcess } from 'node:child_process';

/** What Node's cluster sends to a worker with a connection, and what comes back when the worker has taken it. */
interface ClusterMessage {
  act?: string;
  seq?: number;
  ack?: number;
}

/**
 * Connections on their way to a worker. Node forgets those of a worker that dies meanwhile: they would stay open without
 * anybody who serves them. The worker has read nothing of what it has not acknowledged.
 */
export class HandedOver {
  private readonly connections = new Map<number, { close(): void }>();

  constructor(private readonly child: ChildProcess) {
    const send = child.send.bind(child) as (...args: unknown[]) => boolean;
    child.send = (...args: unknown[]) => {
      const [{ act, seq }, handle] = args as [ClusterMessage, { close(): void } | undefined];
      if (act === 'newconn' && seq !== undefined && handle) this.connections.set(seq, handle);
      return send(...args);
    };
    child.on('internalMessage', ({ ack }: ClusterMessage) => {
      if (ack !== undefined) this.connections.delete(ack);
    });
  }

  /**
   * Once the worker has ended, deals with those that it has not taken.
   *
   * @param areOthersThere true has Node hand them to another worker, as if this one had refused them; false closes them
   */
  giveBack(areOthersThere: boolean): void {
    for (const [ack, connection] of this.connections) {
      if (areOthersThere) this.child.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack, accepted: false });
      else connection.close();
    }
    this.connections.clear();
  }
}
