package dev.switchboard.gateway.admission;

import static dev.switchboard.gateway.admission.OverloadSim.CAPACITY;
import static dev.switchboard.gateway.admission.OverloadSim.MS;
import static dev.switchboard.gateway.admission.OverloadSim.SECOND;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the queue makes of overload, in virtual time. */
class OverloadSimTest {
  @ParameterizedTest
  @CsvSource({"1,1", "2,1", "10,1", "1,2", "2,2", "10,2", "2,3", "5,4"})
  void goodputStaysHighHoweverManyCome(double factor, long seed) {
    OverloadSim sim = new OverloadSim(seed, SECOND);
    sim.arrivals(factor * CAPACITY, 0, 120 * SECOND, () -> sim.offer("t", Band.NORMAL, SECOND));

    sim.run(120 * SECOND);

    double goodput = sim.goodput(20 * SECOND, 120 * SECOND);
    assertTrue(goodput >= 0.9 * CAPACITY, () -> goodput + " of " + CAPACITY);
    assertTrue(
        sim.ttft(Band.NORMAL, 0.99) <= SECOND * 11 / 10,
        () -> "p99 " + sim.ttft(Band.NORMAL, 0.99) / MS + " ms");
  }

  @Test
  void aLongBurstLeavesNothingBehind() {
    OverloadSim sim = new OverloadSim(7, SECOND);
    sim.arrivals(0.8 * CAPACITY, 0, 900 * SECOND, () -> sim.offer("t", Band.NORMAL, SECOND));
    sim.arrivals(
        4.2 * CAPACITY, 60 * SECOND, 660 * SECOND, () -> sim.offer("t", Band.NORMAL, SECOND));

    sim.run(660 * SECOND);
    double during = sim.goodput(60 * SECOND, 660 * SECOND);
    sim.run(670 * SECOND);
    int refusedBefore = sim.refused;
    int offeredBefore = sim.offered;
    sim.run(900 * SECOND);
    int late = sim.refused - refusedBefore;

    assertTrue(during >= 0.9 * CAPACITY, () -> during + " of " + CAPACITY);
    assertTrue(late <= 0.02 * (sim.offered - offeredBefore), () -> late + " refused afterwards");
  }

  @Test
  void fourTenantsOfWhichOneIsGreedyAreServedAlike() {
    OverloadSim sim = new OverloadSim(3, SECOND);
    for (String tenant : List.of("a", "b", "c")) {
      sim.arrivals(0.4 * CAPACITY, 0, 120 * SECOND, () -> sim.offer(tenant, Band.NORMAL, SECOND));
    }
    sim.arrivals(8 * CAPACITY, 0, 120 * SECOND, () -> sim.offer("greedy", Band.NORMAL, SECOND));

    sim.run(120 * SECOND);

    double sum = sim.servedTokens.values().stream().mapToLong(Long::longValue).sum();
    double squares = sim.servedTokens.values().stream().mapToDouble(v -> (double) v * v).sum();
    assertTrue(sum * sum / (4 * squares) >= 0.95, sim.servedTokens::toString);
  }

  @Test
  void peopleKeepTheirLatencyWhileBatchesWait() {
    OverloadSim sim = new OverloadSim(5, 500 * MS);
    sim.arrivals(0.5 * CAPACITY, 0, 120 * SECOND, () -> sim.offer("p", Band.HIGH, 500 * MS));
    sim.arrivals(
        4 * CAPACITY, 0, 120 * SECOND, () -> sim.offer("b", Band.SHEDDABLE, Long.MAX_VALUE));

    sim.run(120 * SECOND);

    double people = (double) sim.served.getOrDefault("p", 0) / sim.offers.getOrDefault("p", 0);
    int batches = sim.served.getOrDefault("b", 0);
    assertTrue(people >= 0.97, () -> people + " of the people were served");
    assertTrue(sim.ttft(Band.HIGH, 0.99) <= 500 * MS, () -> "p99 " + sim.ttft(Band.HIGH, 0.99));
    assertTrue(batches >= 0.4 * CAPACITY * 120, () -> batches + " batches were served");
  }
}
