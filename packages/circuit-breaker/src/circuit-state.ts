/**
 * What a circuit does with calls: `closed` lets them through, `open` refuses them until its time is over, `half-open` lets so many
 * through as probes, `isolated` refuses them until it is told otherwise.
 */
export type CircuitState = 'closed' | 'open' | 'half-open' | 'isolated';
