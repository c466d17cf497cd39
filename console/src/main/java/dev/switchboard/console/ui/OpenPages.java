package dev.switchboard.console.ui;

import com.vaadin.flow.component.UI;
import com.vaadin.flow.server.ServiceInitEvent;
import com.vaadin.flow.server.VaadinServiceInitListener;
import com.vaadin.flow.server.VaadinSession;
import java.util.Comparator;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The pages that are open now, so that a stop can close them before the server. */
public final class OpenPages implements VaadinServiceInitListener {
  private static final long serialVersionUID = 1;
  private static final Logger LOG = LoggerFactory.getLogger(OpenPages.class);
  private static final int PATIENCE_MS = 2000;

  /** Of one session: a browser's tabs, and those that were closed without a word. */
  private static final int MOST = 30;

  private static final Set<UI> OPEN = ConcurrentHashMap.newKeySet();

  /** Made by Vaadin. */
  public OpenPages() {}

  @Override
  public void serviceInit(ServiceInitEvent event) {
    event
        .getSource()
        .addUIInitListener(
            init -> {
              UI ui = init.getUI();
              OPEN.add(ui);
              closeOldest(ui.getSession());
              ui.addDetachListener(_ -> OPEN.remove(ui));
            });
  }

  /** One session cannot hold more and more memory. */
  private static void closeOldest(VaadinSession session) {
    session.getUIs().stream()
        .filter(ui -> !ui.isClosing())
        .sorted(Comparator.comparingInt(UI::getUIId).reversed())
        .skip(MOST)
        .forEach(UI::close);
  }

  /** How many there are. */
  public static int count() {
    return OPEN.size();
  }

  /** Closes all of them, and waits for a moment until they have. */
  public static void closeAll() {
    for (UI ui : Set.copyOf(OPEN)) {
      try {
        ui.access(
                () -> {
                  // The push library ends by itself when the process is told to: it may be gone.
                  ui.getSession()
                      .setErrorHandler(e -> LOG.debug("page_not_closed", e.getThrowable()));
                  ui.getPushConfiguration()
                      .setPushMode(com.vaadin.flow.shared.communication.PushMode.DISABLED);
                  ui.close();
                })
            .get(PATIENCE_MS, TimeUnit.MILLISECONDS);
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
        return;
      } catch (ExecutionException
          | TimeoutException
          | com.vaadin.flow.component.UIDetachedException _) {
        // It goes with the server.
      }
    }
    OPEN.clear();
  }
}
