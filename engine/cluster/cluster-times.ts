/** The times by which a node acts in a cluster: all nodes of one must have the same. Tests use shorter ones. */
import {
  claimTurnMs,
  handOverPatienceMs,
  handOverStopPatienceMs,
  handOverStopPauseMs,
  leaseMarginMs,
  memberSettledMs,
  nodeReportMs,
  sessionRenewMs,
  sessionTtlMs,
} from '../kernel/limits.js';
import type { SessionTimes } from './membership/session.js';

export interface ClusterTimes extends SessionTimes {
  readonly settledMs: number;
  readonly turnMs: number;
  readonly reportMs: number;
  readonly patienceMs: number;
  readonly stopPauseMs: number;
  readonly stopPatienceMs: number;
}

export const usualTimes: ClusterTimes = {
  ttlMs: sessionTtlMs,
  renewMs: sessionRenewMs,
  marginMs: leaseMarginMs,
  settledMs: memberSettledMs,
  turnMs: claimTurnMs,
  reportMs: nodeReportMs,
  patienceMs: handOverPatienceMs,
  stopPauseMs: handOverStopPauseMs,
  stopPatienceMs: handOverStopPatienceMs,
};
