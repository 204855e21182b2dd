export { AdaptiveLimit, type AdaptiveLimitFields, type AdaptiveLimitOptions, adaptiveLimit } from './adaptive-limit.ts';
export { type HeartbeatOptions, type HeartbeatPlugin, heartbeat } from './heartbeat.ts';
export type { HeartbeatLimits, HeartbeatPolicy } from './heartbeat-options.ts';
export type { HeartbeatStats } from './heartbeat-stats.ts';
export type { ChildScopeOptions, ScopeSettings, TimeoutScopeOptions } from './scope-options.ts';
export { type TimeoutOptions, type TimeoutPlugin, type TotalInterceptor, timeout } from './timeout.ts';
export type { TimeoutLimits, TimeoutPolicy } from './timeout-options.ts';
export { type ScopeStatus, TimeoutScope, timeoutScope } from './timeout-scope.ts';
