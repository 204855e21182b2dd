type Work = () => unknown;

/** So many async functions, one inside the other: what people write by hand. */
export function promiseOnion(layers: number, work: Work): Work {
  let onion = work;
  for (let layer = 0; layer < layers; layer++) {
    const inner = onion;
    onion = async () => await inner();
  }
  return onion;
}
