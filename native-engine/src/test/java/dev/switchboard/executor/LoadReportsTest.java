package dev.switchboard.executor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class LoadReportsTest {
  private final List<String> told = new ArrayList<>();
  private final LoadReports reports =
      new LoadReports((done, total) -> told.add(done + "/" + total));

  @Test
  void onlyChangesAreToldAndTheLastOneIsAmongThem() {
    reports.report(0, 0);
    reports.report(0, 100);
    reports.report(0, 100);
    reports.report(40, 100);
    reports.report(40, 100);
    reports.report(100, 100);
    reports.report(100, 100);

    assertEquals(List.of("0/0", "0/100", "40/100", "100/100"), told);
  }

  @Test
  void theFirstReportIsToldWhateverItSays() {
    reports.report(0, 0);

    assertEquals(List.of("0/0"), told);
  }
}
