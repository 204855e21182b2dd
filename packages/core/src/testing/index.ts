// Time and chance

// Proofs
export { type LeakLedger, leakLedger } from './leak-ledger.ts';
export { type Recorded, type Recorder, recorder } from './recorder.ts';
// Work
export { type Scripted, type ScriptOptions, type Step, type StepExtras, scripted } from './scripted.ts';
export { seededRandom } from './seeded-random.ts';
export { type SimulateOptions, type SimulateReport, type Simulation, simulate } from './simulate.ts';
export {
  type ConformanceReport,
  type InterceptorFactory,
  type RuleResult,
  testInterceptor,
} from './test-interceptor.ts';
export { type VirtualClock, type VirtualClockOptions, virtualClock } from './virtual-clock.ts';
