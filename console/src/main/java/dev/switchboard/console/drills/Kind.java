package dev.switchboard.console.drills;

/** How a replica can be broken, as the admin API names it. */
public enum Kind {
  SLOW_RANK(
      "slow-rank",
      "Slow rank",
      true,
      true,
      "The rank computes longer, all others of its stage wait for it, and every answer of the"
          + " replica comes slower"),
  DELAY_RANK(
      "delay-rank",
      "Late rank",
      true,
      true,
      "The rank begins each step later, and every answer of the replica comes slower"),
  HANG_RANK(
      "hang-rank",
      "Hung rank",
      true,
      true,
      "The rank stops in its next step; the replica is taken out, its streams go on elsewhere"),
  FAIL_STEPS(
      "fail-steps",
      "Failing steps",
      true,
      false,
      "Every step fails; the replica is taken out, its streams go on elsewhere"),
  OUT_OF_MEMORY(
      "out-of-memory",
      "Out of memory",
      true,
      false,
      "Every step fails for want of memory; the replica is taken out, its streams go on elsewhere"),
  STOP(
      "stop",
      "Stopped process",
      false,
      false,
      "The process is stopped with SIGSTOP; its streams go on elsewhere once its silence is"
          + " noticed"),
  KILL(
      "kill",
      "Killed process",
      false,
      false,
      "The process is killed and started anew; its streams go on elsewhere");

  private final String word;
  private final String title;
  private final boolean ranked;
  private final boolean needsRank;
  private final String effect;

  Kind(String word, String title, boolean ranked, boolean needsRank, String effect) {
    this.word = word;
    this.title = title;
    this.ranked = ranked;
    this.needsRank = needsRank;
    this.effect = effect;
  }

  public String word() {
    return word;
  }

  public String title() {
    return title;
  }

  /** Whether it can be of one stage and rank. */
  public boolean ranked() {
    return ranked;
  }

  public boolean needsRank() {
    return needsRank;
  }

  public String effect() {
    return effect;
  }

  /** The title of what the admin API names; its word where the console knows no such kind. */
  static String title(String word) {
    for (Kind kind : values()) {
      if (kind.word.equals(word)) {
        return kind.title;
      }
    }
    return word;
  }
}
