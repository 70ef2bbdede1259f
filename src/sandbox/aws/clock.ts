/** Where the sandbox reads the time: milliseconds since the epoch. All its states follow from times, so tests may pass any clock. */
export interface Clock {
  now(): number;
}
