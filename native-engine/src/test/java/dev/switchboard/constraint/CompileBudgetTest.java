package dev.switchboard.constraint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

/** What stands for 50 ms and 1 MiB: numbers, the same on every machine. */
class CompileBudgetTest {
  private final CompileBudget budget = new CompileBudget();

  @Test
  void aCompilationTakesOneAndAHalfMillionStepsAndNoMore() {
    budget.steps(1_499_999);
    budget.step();

    ConstraintException refused = assertThrows(ConstraintException.class, budget::step);

    assertEquals("is too complex to compile", refused.complaint());
  }

  @Test
  void anAutomatonHasEdgesOfOneMebibyteAndNoMore() {
    for (int edge = 0; edge < (1 << 20) / 16; edge++) {
      budget.edge();
    }

    ConstraintException refused = assertThrows(ConstraintException.class, budget::edge);

    assertEquals("is too large: its automaton has more than 1 MiB", refused.complaint());
  }
}
