package dev.switchboard.console.ui;

import com.vaadin.flow.component.html.Span;
import java.util.Locale;

/** A state: colour, icon and word. */
public final class Badge extends Span {
  private final Icon icon = new Icon("pause");
  private final Span word = new Span();

  public Badge(Tone tone, String text) {
    add(icon, word);
    show(tone, text);
  }

  /** Of a replica's state as the admin API writes it. */
  public static Badge ofReplica(String state) {
    return new Badge(Tone.ofReplica(state), word(state));
  }

  /** READY as Ready. */
  public static String word(String state) {
    if (state.isEmpty()) {
      return "Unknown";
    }
    return state.equals("ok")
        ? "OK"
        : Character.toUpperCase(state.charAt(0))
            + state.substring(1).toLowerCase(Locale.ROOT).replace('_', ' ');
  }

  public void show(Tone tone, String text) {
    Parts.setClass(this, "sb-badge " + tone.className());
    icon.show(tone.icon());
    Parts.set(word, text);
  }
}
