package dev.switchboard.console.ui;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.notification.Notification;

/** A line at the corner that goes away. */
public final class Toast {
  private static final int SHOWN_MS = 4000;
  private static final int SHOWN_WITH_BUTTON_MS = 12_000;

  private Toast() {}

  public static void done(String text) {
    show(text, "success");
  }

  public static void failed(String text) {
    show(text, "error");
  }

  /** Something is done, and one press takes it back. */
  static void done(String text, String button, Runnable then) {
    Notification toast = new Notification();
    toast.setPosition(Notification.Position.BOTTOM_END);
    toast.setDuration(SHOWN_WITH_BUTTON_MS);
    toast.addThemeName("success");
    Button press =
        Parts.button(
            "restart",
            button,
            () -> {
              toast.close();
              then.run();
            });
    press.addThemeName("tertiary");
    toast.add(Parts.box("sb-row", new Span(text), press));
    toast.open();
  }

  private static void show(String text, String theme) {
    Notification toast = new Notification(text, SHOWN_MS, Notification.Position.BOTTOM_END);
    toast.addThemeName(theme);
    toast.open();
  }
}
