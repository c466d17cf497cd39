package dev.switchboard.console.action;

/** Lets tests see what the gateway says where the console does not check the role. */
public final class UncheckedChanges {
  private UncheckedChanges() {}

  public static Changes get() {
    return Changes.unchecked();
  }
}
