package dev.switchboard.console.playground;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.DetachEvent;
import com.vaadin.flow.component.Key;
import com.vaadin.flow.component.KeyModifier;
import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.textfield.TextArea;
import com.vaadin.flow.router.PageTitle;
import com.vaadin.flow.router.Route;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.requests.Receipt;
import dev.switchboard.console.requests.RequestView;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.GatewayView;
import dev.switchboard.console.ui.Icon;
import dev.switchboard.console.ui.MainLayout;
import dev.switchboard.console.ui.Needs;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Paths;
import dev.switchboard.console.ui.PlainTable;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.ui.Toast;
import dev.switchboard.console.ui.Tone;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Sends requests by hand, and shows when each piece of the answer came. */
@Route(value = "playground", layout = MainLayout.class)
@PageTitle("Playground · Switchboard")
@Needs(Role.OPERATOR)
public final class PlaygroundView extends GatewayView {
  private static final Duration DRAW = Duration.ofMillis(250);
  private static final int TABLE_MAX = 500;
  private static final double NINETY_FIVE = 0.95;

  private final Span line = Parts.text("sb-head-line", "");
  private final Div talk = Parts.box("sb-talk");
  private final Span cut =
      Parts.text("sb-muted sb-small", "Only the newest part of this conversation is kept");
  private final TextArea prompt = new TextArea();
  private final Button send = Parts.button("send", "Send", this::send);
  private final Button stop = Parts.button("stop", "Stop", this::stop);
  private final Div outcome = Parts.box("sb-outcome");
  private final Badge badge = new Badge(Tone.IDLE, "");
  private final TokenStrip strip = new TokenStrip();
  private final Div facts = Parts.box("sb-facts");
  private final PlainTable table = new PlainTable("Piece", "At", "After the one before");
  private final Div receipt = Parts.box("sb-stack");
  private final Div times;
  private final Div receiptCard = Parts.card("Receipt", receipt);
  private PlaygroundPresenter presenter =
      new PlaygroundPresenter(gateway(), Services.get().clock());
  private final Settings settings = new Settings(this::makeKey);
  private LiveGateway of = gateway();
  private @Nullable Span streaming;
  private @Nullable Div awaited;
  private int shown;
  private int calls;

  public PlaygroundView() {
    prompt.setPlaceholder("Ask something");
    prompt.setAriaLabel("Prompt");
    prompt.setMaxLength(Ask.TEXT_MAX);
    prompt.setWidthFull();
    prompt.setMinRows(2);
    prompt.setMaxRows(8);
    prompt.setAutofocus(true);
    send.addThemeName("primary");
    send.addClickShortcut(Key.ENTER, KeyModifier.CONTROL);
    send.setTooltipText("Ctrl+Enter");
    stop.setVisible(false);
    talk.getElement().setAttribute("tabindex", "0");
    talk.getElement().setAttribute("aria-label", "Conversation");
    outcome.getElement().setAttribute("role", "alert");
    Button clear = Parts.button("plus", "New conversation", this::clear);
    Button curl = Parts.button("copy", "Copy as curl", () -> copy(false));
    Button python = Parts.button("copy", "Copy as Python", () -> copy(true));
    curl.addThemeName("tertiary");
    python.addThemeName("tertiary");
    Div buttons = Parts.box("sb-row", curl, python, Parts.box("sb-push-left"), stop, send);
    times =
        Parts.card(
            "Tokens",
            badge,
            new Div[] {stripLegend(), new Div(strip), facts, table.folded("Table of pieces")});
    Div left =
        Parts.box(
            "sb-stack",
            Parts.box("sb-card", cut, talk, outcome, prompt, buttons),
            times,
            receiptCard);
    add(
        Parts.head("Playground", line, gatewayChoice(), clear),
        Parts.box("sb-columns", left, settings));
    blank();
  }

  private static Div stripLegend() {
    return Parts.box(
        "sb-legend",
        Parts.text("sb-kind-queue", "wait for the first piece"),
        Parts.text("sb-kind-compute", "a piece, and below the gap before it"),
        Parts.text("sb-kind-wait", "gap of more than three medians"));
  }

  @Override
  protected void at(LiveGateway chosen) {
    if (chosen != of) {
      settings.elsewhere();
      of = chosen;
    }
    presenter.cancel();
    presenter = new PlaygroundPresenter(chosen, Services.get().clock());
    blank();
  }

  @Override
  protected void refresh() {
    settings.offer(presenter.models(), presenter.classes(), presenter.toldNames(), may(Role.ADMIN));
    String api = presenter.api();
    Parts.set(line, api.isEmpty() ? "The gateway has not said where its public API is" : api);
    Parts.enable(send, !api.isEmpty());
  }

  private void blank() {
    talk.removeAll();
    talk.add(
        Parts.empty(
            "playground",
            "Nothing said yet",
            "The console sends what you ask to the public API, as a client would, and times each"
                + " piece of the answer."));
    cut.setVisible(false);
    times.setVisible(false);
    receiptCard.setVisible(false);
    outcome.removeAll();
    streaming = null;
    awaited = null;
    // Of an answer that was ended by this nobody tells its end.
    running(false);
  }

  private void clear() {
    presenter.clear();
    blank();
    prompt.focus();
  }

  private void makeKey() {
    LiveGateway maker = gateway();
    new dev.switchboard.console.ui.ActionDialog(
            maker,
            presenter::makeKey,
            answer -> {
              if (maker == of) {
                settings.key(answer.path("key").asString(""));
              }
            })
        .open();
  }

  private void copy(boolean python) {
    Ask ask = settings.ask(presenter.said(), prompt.getValue());
    String problem = ask.problem();
    if (problem != null) {
      show(problem);
      return;
    }
    boolean keyed = !settings.key().isBlank();
    String text = python ? ask.python(presenter.api(), keyed) : ask.curl(presenter.api(), keyed);
    getElement().executeJs("window.sbCopy($0)", text);
    Toast.done(python ? "Copied as Python" : "Copied as curl");
  }

  private void send() {
    Ask ask = settings.ask(presenter.said(), prompt.getValue());
    String problem = ask.problem();
    if (problem != null) {
      show(problem);
      return;
    }
    outcome.removeAll();
    if (talk.getChildren().anyMatch(child -> child.hasClassName("sb-empty"))) {
      talk.removeAll();
    }
    if (!ask.chat()) {
      talk.removeAll();
    }
    closeResults();
    if (!ask.prompt().isBlank()) {
      talk.add(said("You", ask.prompt(), "sb-said-user"));
    }
    Span text = new Span();
    streaming = text;
    talk.add(Parts.box("sb-said", Parts.text("sb-said-who", ask.model()), text));
    trim();
    shown = 0;
    calls = 0;
    strip.begin();
    receipt.removeAll();
    receiptCard.setVisible(false);
    times.setVisible(true);
    presenter.send(ask, settings.key());
    prompt.clear();
    running(true);
    PlaygroundPresenter mine = presenter;
    UI ui = UI.getCurrent();
    Thread.ofVirtual().name("playground-draw").start(() -> follow(ui, mine));
  }

  /** The page is kept in the console's memory, as long as somebody has it open. */
  private void trim() {
    List<Component> all = talk.getChildren().toList();
    long chars = 0;
    int kept = 0;
    for (Component said : all.reversed()) {
      chars += said.getElement().getTextRecursively().length();
      if (kept == PlaygroundPresenter.SAID_MAX
          || (kept > 1 && chars > PlaygroundPresenter.SAID_CHARS)) {
        break;
      }
      kept++;
    }
    List<Component> old = all.subList(0, all.size() - kept);
    talk.remove(old);
    cut.setVisible(cut.isVisible() || !old.isEmpty());
  }

  private static Div said(String who, String text, String className) {
    return Parts.box("sb-said " + className, Parts.text("sb-said-who", who), new Span(text));
  }

  private void running(boolean is) {
    stop.setVisible(is);
    send.setVisible(!is);
  }

  private void stop() {
    presenter.cancel();
  }

  /** Draws four times a second until the answer is over; then fetches the receipt. */
  private void follow(UI ui, PlaygroundPresenter mine) {
    try {
      Answer answer = mine.answer();
      while (answer != null && !answer.isOver()) {
        Thread.sleep(DRAW);
        answer = mine.answer();
        draw(ui, mine, answer, null);
      }
      if (answer != null && !answer.requestId().isEmpty()) {
        draw(ui, mine, answer, mine.receipt(answer.requestId()));
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } catch (com.vaadin.flow.component.UIDetachedException _) {
      mine.cancel();
    }
  }

  private void draw(
      UI ui, PlaygroundPresenter mine, @Nullable Answer answer, @Nullable JsonNode timeline) {
    var _ =
        ui.access(
            () -> {
              if (answer != null && mine == presenter && isAttached()) {
                show(answer);
                show(answer.requestId(), timeline);
              }
            });
  }

  private void show(Answer answer) {
    Span text = streaming;
    if (text == null) {
      return;
    }
    if (answer.text().length() > shown) {
      text.add(new com.vaadin.flow.component.Text(answer.text().substring(shown)));
      shown = answer.text().length();
    }
    if (answer.tools().length() > calls) {
      text.add(Parts.text("sb-mono", answer.tools().substring(calls)));
      calls = answer.tools().length();
    }
    badge.show(tone(answer), answer.words());
    strip.show(answer.at());
    numbers(answer);
    if (answer.isOver()) {
      finish(answer);
    }
  }

  private void finish(Answer answer) {
    running(false);
    table.show(rows(answer));
    if (answer.state() == Answer.State.FAILED) {
      badge.show(Tone.BAD, "Failed");
      show(answer.words());
    }
    presenter.keep();
    trim();
    if (answer.state() == Answer.State.DONE && !answer.calls().isEmpty()) {
      askForResults(answer.calls());
    }
  }

  /** Asks what the tools came to, which the console itself does not call. */
  private void askForResults(List<Answer.Call> calls) {
    if (awaited != null) {
      return;
    }
    Map<String, TextArea> fields = new LinkedHashMap<>();
    Div form = Parts.box("sb-stack");
    for (Answer.Call call : calls) {
      TextArea field = new TextArea("Result of " + call.name());
      field.setHelperText(call.arguments());
      field.setMaxLength(Ask.TEXT_MAX);
      field.setWidthFull();
      fields.put(call.id(), field);
      form.add(field);
    }
    form.add(Parts.button("send", "Send results", () -> sendResults(fields)));
    awaited = form;
    talk.add(form);
  }

  private void sendResults(Map<String, TextArea> fields) {
    Map<String, String> results = new LinkedHashMap<>();
    fields.forEach((id, field) -> results.put(id, field.getValue()));
    if (results.values().stream().anyMatch(String::isBlank)) {
      show("Each tool needs a result; null where it has none");
      return;
    }
    closeResults();
    presenter.answerTools(results);
    fields.values().forEach(f -> talk.add(said(f.getLabel(), f.getValue(), "sb-said-user")));
    send();
  }

  private void closeResults() {
    Div open = awaited;
    if (open != null) {
      talk.remove(open);
    }
    awaited = null;
  }

  private static Tone tone(Answer answer) {
    return switch (answer.state()) {
      case WAITING, STREAMING -> Tone.BUSY;
      case DONE -> Tone.GOOD;
      case STOPPED -> Tone.IDLE;
      case FAILED -> Tone.BAD;
    };
  }

  private void numbers(Answer answer) {
    facts.removeAll();
    facts.add(Parts.fact("First token", Format.millis(answer.firstMs())));
    facts.add(Parts.fact("Median gap", Format.millis(answer.gap(0.5))));
    facts.add(Parts.fact("95 of 100 gaps below", Format.millis(answer.gap(NINETY_FIVE))));
    facts.add(Parts.fact("Longest gap", Format.millis(answer.gap(1))));
    facts.add(
        Parts.fact(
            "Pieces", answer.at().size() + ", " + Format.number(answer.perSecond()) + " per s"));
    facts.add(Parts.fact("Whole answer", Format.millis(answer.nowMs())));
    if (answer.completionTokens() > 0) {
      facts.add(
          Parts.fact(
              "Tokens",
              answer.promptTokens() + " read, " + answer.completionTokens() + " generated"));
    }
    if (!answer.replica().isEmpty()) {
      facts.add(
          Parts.fact(
              "Replica",
              Parts.link(Paths.replica(gateway().name(), answer.replica()), answer.replica())));
    }
  }

  private static List<List<String>> rows(Answer answer) {
    List<List<String>> rows = new ArrayList<>();
    double before = 0;
    for (int i = 0; i < Math.min(answer.at().size(), TABLE_MAX); i++) {
      double at = answer.at().get(i);
      rows.add(List.of("" + (i + 1), Format.millis(at), Format.millis(at - before)));
      before = at;
    }
    return rows;
  }

  private void show(String request, @Nullable JsonNode timeline) {
    if (timeline == null || request.isEmpty()) {
      return;
    }
    Receipt read = new Receipt(timeline);
    receipt.removeAll();
    Span verdict = Parts.text("sb-verdict", read.verdict());
    receipt.add(verdict, RequestView.legend(), RequestView.fall(read.phases(), read.wallMs()));
    List<Receipt.Bar> lanes = read.lanes();
    if (!lanes.isEmpty()) {
      receipt.add(
          Parts.text("sb-cell-name", "Attempts, stages and ranks"),
          RequestView.fall(lanes, read.wallMs()));
    }
    receipt.add(Parts.link(Paths.request(gateway().name(), request), "Open the request"));
    receiptCard.setVisible(true);
  }

  private void show(String problem) {
    outcome.removeAll();
    outcome.add(new Icon("alert"), new Span(problem));
  }

  @Override
  protected void onDetach(DetachEvent event) {
    presenter.cancel();
    super.onDetach(event);
  }
}
