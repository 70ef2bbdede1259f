interface Entry {
  readonly key: string;
  readonly at: number;
}

/** Keys by due time, earliest first. One time per key: the earliest asked for wins. */
export class Schedule {
  /** A binary heap. */
  readonly #heap: Entry[] = [];
  /** Where each key is in the heap, so that one that is dropped leaves nothing behind. */
  readonly #places = new Map<string, number>();

  put(key: string, at: number): void {
    const place = this.#places.get(key);
    if (place !== undefined && this.#at(place) <= at) return;
    this.#rise({ key, at }, place ?? this.#heap.length);
  }

  drop(key: string): void {
    const place = this.#places.get(key);
    if (place === undefined) return;
    this.#places.delete(key);
    const last = this.#heap.pop();
    // The last one takes its place, unless it was the last.
    if (last === undefined || last.key === key) return;
    if (place > 0 && last.at < this.#at((place - 1) >> 1)) this.#rise(last, place);
    else this.#sink(last, place);
  }

  clear(): void {
    this.#heap.length = 0;
    this.#places.clear();
  }

  /** When the earliest key falls due. */
  earliest(): number | undefined {
    return this.#heap[0]?.at;
  }

  /** Takes the earliest key if it is due at `now`. */
  takeDue(now: number): string | undefined {
    const top = this.#heap[0];
    if (top === undefined || top.at > now) return undefined;
    this.drop(top.key);
    return top.key;
  }

  #set(place: number, entry: Entry): void {
    this.#heap[place] = entry;
    this.#places.set(entry.key, place);
  }

  /** Puts the entry at the place, or as far above as it is earlier than what is there. */
  #rise(entry: Entry, start: number): void {
    let place = start;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap[parent];
      if (above === undefined || above.at <= entry.at) break;
      this.#set(place, above);
      place = parent;
    }
    this.#set(place, entry);
  }

  /** Puts the entry at the place, or as far below as it is later than what is there. */
  #sink(entry: Entry, start: number): void {
    let place = start;
    for (;;) {
      const left = 2 * place + 1;
      const earlier = this.#at(left + 1) < this.#at(left) ? left + 1 : left;
      const below = this.#heap[earlier];
      if (below === undefined || below.at >= entry.at) break;
      this.#set(place, below);
      place = earlier;
    }
    this.#set(place, entry);
  }

  #at(place: number): number {
    return this.#heap[place]?.at ?? Number.POSITIVE_INFINITY;
  }
}
