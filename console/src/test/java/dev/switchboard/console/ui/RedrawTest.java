package dev.switchboard.console.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.UIDetachedException;
import com.vaadin.flow.server.Command;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Each access to a page is a message to its browser. */
class RedrawTest extends ConsoleViewTest {
  private static final Stopwatch CLOCK = Stopwatch.start();

  @SuppressWarnings("serial") // Never stored.
  private static final class Page extends UI {
    final ConcurrentLinkedQueue<Long> messages = new ConcurrentLinkedQueue<>();
    volatile boolean gone;

    @Override
    public Future<Void> access(Command command) {
      if (gone) {
        throw new UIDetachedException();
      }
      messages.add(CLOCK.millis());
      command.execute();
      return CompletableFuture.completedFuture(null);
    }
  }

  @Test
  void allPartsHaveOneMessageAtMostFourTimesASecond() {
    Page page = new Page();
    List<String> drawn = new CopyOnWriteArrayList<>();
    Runnable frame = Redraw.of(page).add(() -> drawn.add("frame"));
    Runnable view = Redraw.of(page).add(() -> drawn.add("view"));

    Await.until(
        "messages",
        () -> {
          Redraw.of(page).soon();
          return page.messages.size();
        },
        count -> count >= 5);
    frame.run();
    view.run();

    List<Long> messages = List.copyOf(page.messages);
    for (int i = 1; i < messages.size(); i++) {
      assertTrue(messages.get(i) - messages.get(i - 1) > 200, "two messages at once");
    }
    assertEquals(List.of("frame", "view"), drawn.subList(0, 2));
  }

  @Test
  void whoHasLeftIsNotDrawnAndAPageThatIsGoneEndsNothing() {
    Page page = new Page();
    List<String> drawn = new ArrayList<>();
    Runnable frame = Redraw.of(page).add(() -> drawn.add("frame"));
    Runnable view = Redraw.of(page).add(() -> drawn.add("view"));
    view.run();

    page.gone = true;
    Redraw.of(page).soon();
    page.gone = false;
    Redraw.of(page).soon();
    Await.until(() -> !page.messages.isEmpty());
    frame.run();

    assertTrue(drawn.contains("frame") && !drawn.contains("view"), drawn::toString);
  }
}
