interface Entry {
  readonly key: string;
  readonly at: number;
}

/** Keys by due time, earliest first. One time per key: the earliest asked for wins. */
export class Schedule {
  /** A binary heap. Entries that `#due` no longer confirms are left in and skipped when they surface. */
  readonly #heap: Entry[] = [];
  readonly #due = new Map<string, number>();

  put(key: string, at: number): void {
    const known = this.#due.get(key);
    if (known !== undefined && known <= at) return;
    this.#due.set(key, at);
    this.#heap.push({ key, at });
    this.#rise(this.#heap.length - 1);
  }

  drop(key: string): void {
    this.#due.delete(key);
  }

  clear(): void {
    this.#heap.length = 0;
    this.#due.clear();
  }

  /** When the earliest key falls due. */
  earliest(): number | undefined {
    return this.#top()?.at;
  }

  /** Takes the earliest key if it is due at `now`. */
  takeDue(now: number): string | undefined {
    const top = this.#top();
    if (top === undefined || top.at > now) return undefined;
    this.#removeTop();
    this.#due.delete(top.key);
    return top.key;
  }

  #top(): Entry | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#due.get(top.key) === top.at) return top;
      this.#removeTop();
    }
    return undefined;
  }

  #removeTop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(start: number): void {
    for (let child = start; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!this.#swapIfEarlier(child, parent)) return;
      child = parent;
    }
  }

  #sink(start: number): void {
    for (let parent = start; ; ) {
      const left = 2 * parent + 1;
      const first = this.#at(left + 1) < this.#at(left) ? left + 1 : left;
      if (!this.#swapIfEarlier(first, parent)) return;
      parent = first;
    }
  }

  #at(index: number): number {
    return this.#heap[index]?.at ?? Number.POSITIVE_INFINITY;
  }

  #swapIfEarlier(child: number, parent: number): boolean {
    const below = this.#heap[child];
    const above = this.#heap[parent];
    if (below === undefined || above === undefined || below.at >= above.at) return false;
    this.#heap[child] = above;
    this.#heap[parent] = below;
    return true;
  }
}
