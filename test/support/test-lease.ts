/** A lease board that is the test's: ahead until it says otherwise. */
export class TestLease {
  isAhead = true;
  term = 0;

  isAheadIn(term: number): boolean {
    return this.isAhead && this.term === term;
  }
}
