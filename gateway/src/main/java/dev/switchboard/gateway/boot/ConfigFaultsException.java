package dev.switchboard.gateway.boot;

import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/** Every mistake of a configuration at once, in the order of the file's lines. */
final class ConfigFaultsException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;
  private final transient List<ConfigFault> faults;

  /**
   * @param file as the user named it; empty for none
   * @param faults one at least
   */
  ConfigFaultsException(String file, List<ConfigFault> faults) {
    super(text(file, sorted(faults)));
    this.faults = sorted(faults);
  }

  private static List<ConfigFault> sorted(List<ConfigFault> faults) {
    return faults.stream()
        .distinct()
        .sorted(Comparator.comparingInt(each -> each.line() == 0 ? Integer.MAX_VALUE : each.line()))
        .toList();
  }

  private static String text(String file, List<ConfigFault> faults) {
    return faults.stream().map(each -> each.told(file)).collect(Collectors.joining("\n"));
  }

  List<ConfigFault> faults() {
    return faults;
  }
}
