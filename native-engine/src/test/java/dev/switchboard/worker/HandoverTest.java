package dev.switchboard.worker;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HandoverTest {
  private final ArrayDeque<Runnable> loop = new ArrayDeque<>();
  private final List<String> log = new ArrayList<>();
  private final Handover handover = new Handover(loop::add);

  private Handover.Signal source(String name, Handover.Sink sink) {
    return handover.signal(
        () -> {
          log.add("drain " + name);
          return sink;
        });
  }

  private Handover.Sink sink(String name) {
    return () -> log.add("flush " + name);
  }

  @Test
  void oneWakeupServesAllSourcesOfAStep() {
    Handover.Sink one = sink("one");
    Handover.Signal a = source("a", one);
    Handover.Signal b = source("b", one);
    Handover.Signal c = source("c", sink("two"));

    a.raise();
    b.raise();
    c.raise();
    a.raise();

    assertEquals(1, loop.size());
    loop.remove().run();
    assertEquals(List.of("drain a", "drain b", "drain c", "flush one", "flush two"), log);
  }

  @Test
  void aLaterSignalWakesAgain() {
    Handover.Signal a = source("a", sink("one"));

    a.raise();
    loop.remove().run();
    a.raise();

    assertEquals(1, loop.size());
  }

  @Test
  void whatBreaksOneRequestHoldsUpNoOther() {
    Handover.Sink breaks =
        () -> {
          throw new IllegalStateException("broken");
        };
    Handover.Source cannot =
        () -> {
          throw new StackOverflowError();
        };

    source("a", breaks).raise();
    handover.signal(cannot).raise();
    source("b", sink("two")).raise();
    loop.remove().run();

    assertEquals(List.of("drain a", "drain b", "flush two"), log);
  }
}
