package dev.switchboard.chat;

/** Counts the work of one rendering and stops it at its limits. */
final class Budget {
  private static final int CHARS_PER_STEP_LOG2 = 4;

  private final TemplateLimits limits;
  private long stepsLeft;

  Budget(TemplateLimits limits) {
    this.limits = limits;
    this.stepsLeft = limits.steps();
  }

  TemplateLimits limits() {
    return limits;
  }

  void step() {
    steps(1);
  }

  void steps(long count) {
    stepsLeft -= count;
    if (stepsLeft < 0) {
      throw new Fault("rendering takes more than " + limits.steps() + " steps");
    }
  }

  /** Characters about to be copied or compared. */
  void chars(long count) {
    steps(1 + (count >> CHARS_PER_STEP_LOG2));
  }

  /** The length of a string about to be made. */
  void length(long chars) {
    if (chars > limits.outputChars()) {
      throw new Fault("a text grows beyond " + limits.outputChars() + " characters");
    }
  }

  /** The size of a list about to be made. */
  void elements(long count) {
    if (count > limits.elements()) {
      throw new Fault("a list grows beyond " + limits.elements() + " elements");
    }
    steps(count);
  }

  void depth(int depth) {
    if (depth > limits.depth()) {
      throw new Fault("nesting goes deeper than " + limits.depth());
    }
  }
}
