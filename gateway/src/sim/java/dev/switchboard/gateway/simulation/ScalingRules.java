package dev.switchboard.gateway.simulation;

import dev.switchboard.gateway.simulation.ScalingFleet.Scaler;
import dev.switchboard.gateway.simulation.ScalingFleet.View;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.ToDoubleFunction;

/**
 * What the rule is compared with: the Horizontal Pod Autoscaler of Kubernetes, with its defaults
 * but for what is swept, on the signals that manifests name.
 */
final class ScalingRules implements Scaler {
  private static final int SYNC_SECONDS = 15;
  private static final double TOLERANCE = 0.1;

  private final ToDoubleFunction<View> replicas;
  private final int downSeconds;
  private final Deque<int[]> recommended = new ArrayDeque<>();
  private int desired = 2;

  private ScalingRules(int downSeconds, ToDoubleFunction<View> replicas) {
    this.downSeconds = downSeconds;
    this.replicas = replicas;
  }

  /** Requests a second of a minute for each replica. */
  static Scaler requestRate(double target, int downSeconds) {
    return new ScalingRules(downSeconds, view -> view.arrivalsPerSecond() / target);
  }

  /** Mean use of processors, 0 to 1. */
  static Scaler cpu(double target, int downSeconds) {
    return new ScalingRules(
        downSeconds, view -> Math.max(1, view.signals().ready()) * view.cpu() / target);
  }

  /** Requests that wait for each replica. */
  static Scaler queue(double target, int downSeconds) {
    return new ScalingRules(downSeconds, view -> view.signals().waiting() / target);
  }

  /** Requests that wait or run for each replica. */
  static Scaler inFlight(double target, int downSeconds) {
    return new ScalingRules(
        downSeconds, view -> (view.signals().running() + view.signals().waiting()) / target);
  }

  @Override
  public int desired(int second, View view) {
    if (second % SYNC_SECONDS != 0) {
      return desired;
    }
    double exact = replicas.applyAsDouble(view);
    int now = Math.max(1, desired);
    int wanted = Math.abs(exact / now - 1) <= TOLERANCE ? now : (int) Math.ceil(exact);
    // The default policy of scaling up: no more than twice as many, or four more, at a time.
    wanted = Math.clamp(wanted, 1, Math.max(2 * now, now + 4));
    recommended.addLast(new int[] {second, wanted});
    while (recommended.getFirst()[0] < second - downSeconds) {
      recommended.removeFirst();
    }
    int most = recommended.stream().mapToInt(each -> each[1]).max().orElse(wanted);
    desired = wanted >= desired ? wanted : Math.min(desired, most);
    return desired;
  }
}
