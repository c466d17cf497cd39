package dev.switchboard.console.ui;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.HasEnabled;
import com.vaadin.flow.component.HasStyle;
import com.vaadin.flow.component.HasText;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.html.Anchor;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.H1;
import com.vaadin.flow.component.html.H2;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.textfield.TextArea;
import com.vaadin.flow.data.value.ValueChangeMode;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** Small pieces of views. Text is always set as text, never as markup. */
public final class Parts {
  private static final int FEW_ROWS = 12;

  private Parts() {}

  public static Div box(String className, Component... children) {
    Div box = new Div(children);
    box.addClassNames(className.split(" "));
    return box;
  }

  public static Span text(String className, String text) {
    Span span = new Span(text);
    span.addClassNames(className.split(" "));
    return span;
  }

  /** The head of a view: its name, a line about it, and what can be done. */
  public static Div head(String title, Component line, Component... actions) {
    Div names = box("sb-head-names", new H1(title), line);
    return box("sb-head", names, box("sb-head-actions", actions));
  }

  /** A part of a view with a title. */
  public static Div card(String title, Component... children) {
    Div card = box("sb-card", box("sb-card-head", new H2(title)));
    card.add(children);
    return card;
  }

  /** A part with a title and something at its right. */
  public static Div card(String title, Component aside, Component[] children) {
    Div card = box("sb-card", box("sb-card-head", new H2(title), aside));
    card.add(children);
    return card;
  }

  /** Nothing is there, and why, or what to do. */
  public static Div empty(String icon, String title, String line) {
    Div empty =
        box("sb-empty", new Icon(icon), text("sb-empty-title", title), text("sb-empty-line", line));
    empty.getElement().setAttribute("role", "status");
    return empty;
  }

  /** Something could not be fetched. */
  public static Div failure(String title, String line) {
    Div failure = empty("alert", title, line);
    failure.addClassName("sb-failure");
    failure.getElement().setAttribute("role", "alert");
    return failure;
  }

  /** A name and its value. */
  public static Div fact(String name, Component value) {
    return box("sb-fact", text("sb-fact-name", name), value);
  }

  public static Div fact(String name, String value) {
    return fact(name, text("sb-fact-value", value));
  }

  public static Anchor link(String href, String text) {
    return new Anchor(href, text);
  }

  public static Button iconButton(String icon, String label, Runnable then) {
    Button button = new Button(new Icon(icon), _ -> then.run());
    button.addThemeNames("tertiary", "icon");
    button.setAriaLabel(label);
    button.setTooltipText(label);
    return button;
  }

  /**
   * A button of a row.
   *
   * @param label what it does to which row, beginning with its word
   */
  public static Button rowButton(String icon, String word, String label, Runnable then) {
    Button button = button(icon, word, then);
    button.addThemeName("tertiary");
    button.setAriaLabel(label);
    return button;
  }

  public static Button button(String icon, String text, Runnable then) {
    return new Button(text, new Icon(icon), _ -> then.run());
  }

  /** Asks why somebody does something. */
  public static TextArea reason() {
    TextArea reason = new TextArea("Reason");
    reason.setMaxLength(512);
    reason.setRequired(true);
    reason.setWidthFull();
    reason.setHelperText("Stands in the audit log, with your name");
    reason.setValueChangeMode(ValueChangeMode.EAGER);
    reason.setAutofocus(true);
    return reason;
  }

  /** Whether a reason is given; says so and goes there where none is. */
  public static boolean isGiven(TextArea reason) {
    if (reason.getValue().isBlank()) {
      reason.setErrorMessage("Say why, for whoever reads the audit log");
      reason.setInvalid(true);
      reason.focus();
      return false;
    }
    return true;
  }

  /** A table that is as high as its rows while they are few, and scrolls above that. */
  public static void fit(Grid<?> grid, int rows, String height) {
    boolean few = rows <= FEW_ROWS;
    String wanted = few ? null : height;
    if (grid.isAllRowsVisible() == few && Objects.equals(grid.getHeight(), wanted)) {
      return;
    }
    grid.setAllRowsVisible(few);
    grid.setHeight(wanted);
    grid.setMinHeight(few ? null : "320px");
  }

  /**
   * Has a box show these and nothing else, and hides it where there are none. What looks the same
   * stays, so that nothing is pushed for it; not for what somebody can press.
   */
  public static void only(Div where, Component... now) {
    if (!html(where.getChildren()).equals(html(Stream.of(now)))) {
      where.removeAll();
      where.add(now);
    }
    where.setVisible(now.length > 0);
  }

  private static List<String> html(Stream<Component> components) {
    return components.map(each -> each.getElement().getOuterHTML()).toList();
  }

  /** Sets the class names only where they are others. */
  static void setClass(HasStyle where, String names) {
    if (!names.equals(where.getClassName())) {
      where.setClassName(names);
    }
  }

  /** Enables or disables only what is not so yet. */
  public static void enable(HasEnabled what, boolean is) {
    if (what.isEnabled() != is) {
      what.setEnabled(is);
    }
  }

  /** Sets a text only where it is another one, so that nothing is pushed for what stays. */
  public static void set(HasText where, String text) {
    if (!Objects.equals(where.getText(), text)) {
      where.setText(text);
    }
  }
}
