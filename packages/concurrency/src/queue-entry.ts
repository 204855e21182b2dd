import type { Lane, Level, QueueNode } from './wait-queue.ts';

/** What can wait in a {@link WaitQueue}, with the fields that are the queue's. */
export abstract class QueueEntry implements QueueNode {
  abstract readonly priority: number;
  abstract readonly tenant: string | undefined;
  abstract readonly cost: number;
  waitsSince = 0;
  level: Level | null = null;
  before: QueueNode | null = null;
  after: QueueNode | null = null;
  laneBefore: QueueNode | null = null;
  laneAfter: QueueNode | null = null;
  lane: Lane | null = null;
}
