package dev.switchboard.console.web;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.UI;
import com.vaadin.flow.server.communication.PushConnectionFactory;
import dev.switchboard.testing.Await;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.ServiceLoader;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.atmosphere.cpr.AtmosphereResource;
import org.atmosphere.cpr.Broadcaster;
import org.junit.jupiter.api.Test;

class PagePushTest {
  /** It never completes: the page that was to read the message is gone. */
  private final CompletableFuture<Object> underWay = new CompletableFuture<>();

  private boolean closedByPage;

  private final CountDownLatch waits = new CountDownLatch(1);
  private final CountDownLatch closed = new CountDownLatch(1);

  @Test
  void vaadinFindsIt() {
    assertInstanceOf(
        PagePush.class, ServiceLoader.load(PushConnectionFactory.class).findFirst().orElseThrow());
  }

  @Test
  void endingOneWaitsForNoMessageAndClosesAfterIt() throws Exception {
    Sending push = new Sending(true);
    push.connect(resource());
    push.say("for a page that is gone");

    push.disconnect();

    // Whoever ended it is here already, and the message is still waited for.
    assertTrue(waits.await(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    assertEquals(1, closed.getCount());
    underWay.complete("");
    assertTrue(closed.await(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
  }

  @Test
  void aPageThatClosesItsSideMeanwhileIsNoFault() {
    closedByPage = true;
    underWay.complete("");
    Sending push = new Sending(true);
    push.connect(resource());

    assertDoesNotThrow(push::end);

    assertEquals(0, closed.getCount());
  }

  @Test
  void onePageThatConnectsAnewHasNoOldConnectionLeft() {
    Sending push = new Sending(false);
    push.connect(resource());

    push.disconnect();

    assertEquals(0, closed.getCount());
    assertFalse(push.isConnected());
  }

  private static final class Sending extends PagePush.Connection {
    Sending(boolean closing) {
      super(page(closing));
    }

    private static UI page(boolean closing) {
      return new UI() {
        @Override
        public boolean isClosing() {
          return closing;
        }
      };
    }

    void say(String message) {
      sendMessage(message);
    }
  }

  private AtmosphereResource resource() {
    Broadcaster broadcaster =
        proxy(
            Broadcaster.class,
            (_, method, _) -> method.getReturnType() == Future.class ? waited() : null);
    return proxy(
        AtmosphereResource.class,
        (_, method, _) ->
            switch (method.getName()) {
              case "getBroadcaster" -> broadcaster;
              case "isResumed" -> false;
              case "close" -> {
                closed.countDown();
                if (closedByPage) {
                  throw new NullPointerException("webSocket");
                }
                yield null;
              }
              default -> null;
            });
  }

  private Future<?> waited() {
    return proxy(
        Future.class,
        (_, method, arguments) -> {
          if (!method.getName().equals("get")) {
            return false;
          }
          waits.countDown();
          return underWay.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
        });
  }

  private static <T> T proxy(Class<T> type, InvocationHandler handler) {
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
  }
}
