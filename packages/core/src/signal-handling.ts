import type { DrainOptions, DrainReport } from './drain.ts';

/** What can be shut down. */
interface Drainable {
  drain(options?: DrainOptions): Promise<DrainReport>;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
const runners = new Set<Drainable>();
let received = false;

/**
 * Shuts a runner down when the process is told to end: the first signal lets what goes on come to its end, a second one stops it at
 * once. When all runners are down the signal takes its usual effect, unless the program itself listens to it. Answers how to
 * undo it.
 */
export function handleSignals(runner: Drainable): () => void {
  if (runners.size === 0) for (const signal of SIGNALS) process.prependListener(signal, onSignal);
  runners.add(runner);
  return () => {
    runners.delete(runner);
    if (runners.size === 0) stopListening();
  };
}

function onSignal(signal: NodeJS.Signals): void {
  const options: DrainOptions = received ? { grace: 0 } : {};
  const drained = Promise.all([...runners].map((runner) => runner.drain(options)));
  if (received) return;
  received = true;
  // Whoever else listens to the signal says how the process ends; one who does so once is gone by then.
  const others = process.listenerCount(signal) > 1;
  drained.then(() => {
    received = false;
    stopListening();
    runners.clear();
    if (!others && process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  });
}

function stopListening(): void {
  for (const signal of SIGNALS) process.removeListener(signal, onSignal);
}
