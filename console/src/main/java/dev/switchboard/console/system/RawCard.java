package dev.switchboard.console.system;

import com.vaadin.flow.component.combobox.ComboBox;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Pre;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Parts;
import java.util.List;
import java.util.Map;

/** Every answer of the admin API as it comes. */
final class RawCard extends Div {
  private final ComboBox<Document> document = new ComboBox<>();
  private final ComboBox<String> id = new ComboBox<>();
  private final Pre json = new Pre();
  private final Div state = Parts.box("sb-stack");
  private final Runnable changed;
  private LiveGateway gateway;

  /**
   * Shows nothing yet.
   *
   * @param changed is run when somebody asks for another one
   */
  RawCard(LiveGateway gateway, Runnable changed) {
    this.gateway = gateway;
    this.changed = changed;
    document.setItems(Document.ALL);
    document.setItemLabelGenerator(Document::title);
    document.setValue(Document.ALL.getFirst());
    document.setAriaLabel("What to show");
    document.setWidth("240px");
    document.addValueChangeListener(e -> chosen(e.isFromClient(), true));
    id.setAllowCustomValue(true);
    id.addCustomValueSetListener(e -> id.setValue(e.getDetail()));
    id.setWidth("240px");
    id.addValueChangeListener(e -> chosen(e.isFromClient(), false));
    json.addClassName("sb-log");
    json.getElement().setAttribute("tabindex", "0");
    add(
        Parts.card(
            "As the admin API tells it",
            Parts.box("sb-row sb-wrap", document, id, copies()),
            new Div[] {state, new Div(json)}));
  }

  private Div copies() {
    return Parts.box(
        "sb-row",
        Parts.iconButton("copy", "Copy as curl", this::copy),
        Parts.iconButton("restart", "Read again", this::read));
  }

  private void copy() {
    String address = gateway.client().address().uri() + path();
    getElement()
        .executeJs(
            "window.sbCopy($0)",
            "curl -H \"Authorization: Bearer $SWITCHBOARD_ADMIN_KEY\" '" + address + "'");
  }

  private Document document() {
    Document chosen = document.getValue();
    return chosen == null ? Document.ALL.getFirst() : chosen;
  }

  private String id() {
    String chosen = id.getValue();
    return chosen == null ? "" : chosen.strip();
  }

  private String path() {
    return document().path(id());
  }

  private void chosen(boolean bySomebody, boolean other) {
    if (!bySomebody) {
      return;
    }
    if (other) {
      offer("");
    }
    read();
    changed.run();
  }

  /** Offers the things that the document can be of. */
  private void offer(String chosen) {
    String of = document().of();
    id.setVisible(document().ofOne());
    id.setAriaLabel(Badge.word(of));
    id.setPlaceholder(of.equals("request") ? "Id of the request" : "Which " + of);
    id.setItems(names(of));
    if (!chosen.isEmpty()) {
      id.setValue(chosen);
    }
  }

  private List<String> names(String of) {
    return switch (of) {
      case "replica" ->
          gateway.snapshot().replicas().stream().map(r -> r.path("id").asString("")).toList();
      case "model" ->
          gateway.snapshot().models().stream().map(m -> m.path("id").asString("")).toList();
      default -> List.of();
    };
  }

  /** What is shown, as it stands in the address. */
  Map<String, String> address() {
    boolean first = document().equals(Document.ALL.getFirst());
    return Map.of("show", first ? "" : document().title(), "of", id());
  }

  /** Shows what the address has. */
  void show(LiveGateway from, String title, String name) {
    gateway = from;
    document.setValue(
        Document.ALL.stream()
            .filter(d -> d.title().equals(title))
            .findFirst()
            .orElse(Document.ALL.getFirst()));
    offer(name);
    read();
  }

  /** Asks the gateway. */
  void read() {
    state.removeAll();
    json.setText("");
    if (document().ofOne() && id().isEmpty()) {
      state.add(Parts.empty("search", "Of which one", "Choose the " + document().of() + " above."));
    } else {
      ask();
    }
    json.setVisible(!json.getText().isEmpty());
  }

  private void ask() {
    try {
      json.setText(gateway.client().get(path()).toPrettyString());
    } catch (ApiFailure e) {
      state.add(Parts.failure("It cannot be read", e.sentence()));
    }
  }
}
