/** Whether one of a host's partitions has its snapshot taken: they do so one at a time (`snapshots.ts`). */
export class SnapshotTurn {
  isTaken = false;
}
