package dev.switchboard.console.ui;

import com.vaadin.flow.component.notification.Notification;

/** A line at the corner that goes away. */
public final class Toast {
  private static final int SHOWN_MS = 4000;

  private Toast() {}

  public static void done(String text) {
    show(text, "success");
  }

  public static void failed(String text) {
    show(text, "error");
  }

  private static void show(String text, String theme) {
    Notification toast = new Notification(text, SHOWN_MS, Notification.Position.BOTTOM_END);
    toast.addThemeName(theme);
    toast.open();
  }
}
