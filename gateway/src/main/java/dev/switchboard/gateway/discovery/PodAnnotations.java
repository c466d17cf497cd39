package dev.switchboard.gateway.discovery;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What people wrote at a pod for this gateway.
 *
 * @param cordon it is to get no new requests
 * @param drain it is to be emptied
 * @param deletionCost as it stands there; null where it does not
 */
public record PodAnnotations(boolean cordon, boolean drain, @Nullable String deletionCost) {
  public static final String CORDON = "switchboard.dev/cordon";
  public static final String DRAIN = "switchboard.dev/drain";
  public static final String DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";

  static final PodAnnotations NONE = new PodAnnotations(false, false, null);

  /** Of a pod's annotations. */
  public static PodAnnotations of(Map<String, String> annotations) {
    return new PodAnnotations(
        said(annotations.get(CORDON)),
        said(annotations.get(DRAIN)),
        annotations.get(DELETION_COST));
  }

  private static boolean said(@Nullable String value) {
    return value != null && value.strip().equalsIgnoreCase("true");
  }
}
