package dev.switchboard.console.web;

import com.vaadin.flow.component.UI;
import com.vaadin.flow.server.communication.AtmospherePushConnection;
import com.vaadin.flow.server.communication.PushConnection;
import com.vaadin.flow.server.communication.PushConnectionFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Vaadin asks this for the connection by which a page is told of changes. */
public final class PagePush implements PushConnectionFactory {
  @Override
  public PushConnection apply(UI page) {
    return new Connection(page);
  }

  /**
   * Vaadin's own waits up to a second for the message that is under way, with the session's lock.
   * To a page that was left or loaded again it never arrives, and the next page, which wants the
   * lock, waited that second.
   */
  static class Connection extends AtmospherePushConnection {
    private static final Logger LOG = LoggerFactory.getLogger(PagePush.class);

    Connection(UI page) {
      super(page);
    }

    @Override
    public void disconnect() {
      if (getUI().isClosing()) {
        Thread.ofVirtual().name("push-end").start(this::end);
      } else {
        // A page that connects anew: what follows is the new connection's.
        super.disconnect();
      }
    }

    void end() {
      try {
        if (isConnected()) {
          super.disconnect();
        }
      } catch (RuntimeException e) {
        // Atmosphere's, where the page closes its side at this moment: nothing is left to end.
        LOG.debug("push_end_failed", e);
      }
    }
  }
}
