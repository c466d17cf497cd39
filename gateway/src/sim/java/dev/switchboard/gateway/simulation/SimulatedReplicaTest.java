package dev.switchboard.gateway.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.gateway.bench.EngineScript;
import dev.switchboard.gateway.bench.StepDelays;
import dev.switchboard.gateway.slo.Slo;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SimulatedReplicaTest {
  private final VirtualTime time = new VirtualTime();
  private final List<Integer> ended = new ArrayList<>();
  private Runnable heard = () -> {};

  @Test
  void aScriptedEngineServesByArrivalAsThoseWithSocketsDo() {
    SimulatedReplica engine =
        SimulatedReplica.scripted(time, EngineScript.parse("batch=1"), Lateness.NEVER);
    engine.boot();

    batchesThenAPerson(engine);

    assertEquals(List.of(0, 1, 2), ended);
  }

  @Test
  void tokensOfAStepAreToldOneAfterAnotherWhereTheMachineIsLate() {
    List<Long> tokens = new ArrayList<>();
    EngineScript script = EngineScript.parse("base=10,running=0,prompt=0");
    SimulatedReplica engine =
        SimulatedReplica.scripted(time, script, Lateness.of(1, StepDelays.NONE, 0));
    engine.boot();
    heard = () -> tokens.add(time.nowNanos());

    submit(engine, 0, 0);
    time.after(0, () -> submit(engine, 1, 0));
    time.run();

    assertEquals(40, tokens.size());
    assertEquals(tokens.stream().distinct().sorted().toList(), tokens);
    assertEquals(List.of(0, 1), ended);
  }

  @Test
  void aWorkerOfOursServesByPriority() {
    SimulatedReplica worker =
        new SimulatedReplica(time, new EngineSpeed(40, 1, 0.05, 1000, 1), new SplittableRandom(1));
    worker.boot();

    batchesThenAPerson(worker);

    assertEquals(List.of(2, 0, 1), ended);
  }

  private void batchesThenAPerson(SimulatedReplica engine) {
    submit(engine, 0, -50);
    submit(engine, 1, -50);
    time.afterMs(100, () -> submit(engine, 2, 50));
    time.run();
  }

  private void submit(SimulatedReplica engine, int number, int priority) {
    Request request =
        new Request(
            number,
            time.nowNanos(),
            "t",
            new Slo("c", 0, 0, 0, priority),
            20,
            20,
            true,
            0,
            0,
            new Request.Seen(20, 0, 20));
    engine.submit(
        request,
        priority,
        new SimulatedReplica.Listener() {
          @Override
          public void token(int generated) {
            heard.run();
          }

          @Override
          public void ended() {
            ended.add(number);
          }

          @Override
          public void failed(String reason) {
            throw new AssertionError(reason);
          }
        });
  }
}
