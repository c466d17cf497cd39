package dev.switchboard.console.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.UIDetachedException;
import com.vaadin.flow.server.Command;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/** Each access to a page is a message to its browser. */
class RedrawTest extends ConsoleViewTest {
  private static final long SECOND = 1_000_000_000L;

  @SuppressWarnings("serial") // Never stored.
  private static final class Page extends UI {
    final ConcurrentLinkedQueue<Long> messages = new ConcurrentLinkedQueue<>();
    volatile boolean gone;

    @Override
    public Future<Void> access(Command command) {
      if (gone) {
        throw new UIDetachedException();
      }
      messages.add(System.nanoTime());
      command.execute();
      return CompletableFuture.completedFuture(null);
    }
  }

  @Test
  void allPartsHaveOneMessageAtMostFourTimesASecond() {
    Page page = new Page();
    List<String> drawn = new ArrayList<>();
    Runnable frame = Redraw.of(page).add(() -> drawn.add("frame"));
    Runnable view = Redraw.of(page).add(() -> drawn.add("view"));

    long begun = System.nanoTime();
    while (System.nanoTime() - begun < 2 * SECOND) {
      Redraw.of(page).soon();
      LockSupport.parkNanos(1_000_000);
    }
    frame.run();
    view.run();

    List<Long> messages = List.copyOf(page.messages);
    assertTrue(messages.size() >= 3 && messages.size() <= 9, () -> messages.size() + " messages");
    for (int i = 1; i < messages.size(); i++) {
      assertTrue(messages.get(i) - messages.get(i - 1) > SECOND / 5, "two messages at once");
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
    await(() -> !page.messages.isEmpty());
    frame.run();

    assertTrue(drawn.contains("frame") && !drawn.contains("view"), drawn::toString);
  }
}
