package dev.switchboard.console;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Which package may know which: what README.md says in words. */
@AnalyzeClasses(
    packages = "dev.switchboard.console",
    importOptions = ImportOption.DoNotIncludeTests.class)
class PackageRulesTest {

  @ArchTest
  static final ArchRule theConsoleKnowsOfGatewaysOnlyTheirAdminApi =
      noClasses()
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.switchboard.gateway..",
              "dev.switchboard.worker..",
              "dev.switchboard.executor..",
              "java.sql..");

  @ArchTest
  static final ArchRule presentersKnowNothingOfVaadin =
      noClasses()
          .that()
          .haveSimpleNameEndingWith("Presenter")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("com.vaadin..");

  @ArchTest
  static final ArchRule whatReadsGatewaysDrawsNothing =
      noClasses()
          .that()
          .resideInAnyPackage(
              "dev.switchboard.console.api..",
              "dev.switchboard.console.live..",
              "dev.switchboard.console.action..",
              "dev.switchboard.console.auth..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("com.vaadin..", "jakarta.servlet..", "org.eclipse.jetty..");

  @ArchTest
  static final ArchRule onlyTheWebKnowsJetty =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.switchboard.console.web..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("org.eclipse.jetty..");

  @ArchTest
  static final ArchRule theClockIsPassedIn =
      noClasses()
          .should()
          .callMethod(System.class, "nanoTime")
          .orShould()
          .callMethod(System.class, "currentTimeMillis")
          .orShould()
          .callMethod(java.time.Instant.class, "now");

  /** Text of gateways is set as text only. */
  @ArchTest
  static final ArchRule nothingIsDrawnAsMarkup =
      noClasses()
          .should()
          .dependOnClassesThat()
          .haveFullyQualifiedName("com.vaadin.flow.component.Html")
          .orShould()
          .dependOnClassesThat()
          .resideInAPackage("com.vaadin.flow.component.markdown..");

  @ArchTest
  static final ArchRule rowsOfTablesArePublic =
      classes()
          .that()
          .haveSimpleNameEndingWith("Row")
          .and()
          .areTopLevelClasses()
          .should()
          .bePublic();

  @ArchTest
  static final ArchRule packagesHaveNoCycles =
      slices().matching("dev.switchboard.console.(*)..").should().beFreeOfCycles();
}
