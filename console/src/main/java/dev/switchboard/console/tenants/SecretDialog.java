package dev.switchboard.console.tenants;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.dialog.Dialog;
import com.vaadin.flow.component.html.Pre;
import com.vaadin.flow.component.html.Span;
import dev.switchboard.console.ui.Icon;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Toast;
import dev.switchboard.console.ui.Tone;

/** Shows the text of a new key, this once: when it is closed the console has it nowhere. */
final class SecretDialog extends Dialog {
  private final Pre text = new Pre();

  SecretDialog(String name, String secret) {
    setHeaderTitle("Key " + name);
    setWidth("560px");
    setCloseOnEsc(false);
    setCloseOnOutsideClick(false);
    text.setText(secret);
    text.addClassNames("sb-log", "sb-secret");
    text.getElement().setAttribute("tabindex", "0");
    text.getElement().setAttribute("aria-label", "The key");
    add(
        Parts.box(
            "sb-notice " + Tone.WARN.className(),
            new Icon("alert"),
            new Span("Copy it now. It is shown this once, and can be read nowhere later.")),
        text);
    Button copy =
        Parts.button(
            "copy",
            "Copy",
            () -> {
              getElement().executeJs("window.sbCopy($0)", text.getText());
              Toast.done("The key is copied");
            });
    copy.addThemeName("primary");
    copy.setAutofocus(true);
    getFooter().add(new Button("Done", _ -> close()), copy);
    addOpenedChangeListener(
        e -> {
          if (!e.isOpened()) {
            text.setText("");
          }
        });
  }
}
