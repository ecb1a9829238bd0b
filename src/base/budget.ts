/** Lets pieces of work run at the same time as long as what they need together is within a budget. */
export class Budget {
  private used = 0;
  private readonly waiting: { readonly amount: number; readonly start: () => void }[] = [];

  /** @param total What all together may need; one alone may need more. */
  constructor(private readonly total: number) {}

  /** Does `work`, which needs `amount`, once there is room for it; in the order of the calls. */
  async run<T>(amount: number, work: () => Promise<T>): Promise<T> {
    // A piece that needs more than there is takes all of it, and so runs by itself.
    const taken = Math.min(amount, this.total);
    if (this.waiting.length > 0 || this.used + taken > this.total)
      await new Promise<void>(start => this.waiting.push({ amount: taken, start }));
    else this.used += taken;
    try {
      return await work();
    } finally {
      this.used -= taken;
      for (let next = this.waiting[0]; next && this.used + next.amount <= this.total; next = this.waiting[0]) {
        this.waiting.shift();
        this.used += next.amount;
        next.start();
      }
    }
  }
}
