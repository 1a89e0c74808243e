// What Grafana's own types say of a dashboard: `make grafana` writes ours behind it as a constant, and
// has the compiler compare. JSON has no enums, so the words of an enum are taken for it.
import type { Dashboard, Panel, RowPanel } from "@grafana/schema";
import type * as Stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as StateTimeline from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type * as TimeSeries from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

type Json<T> = T extends string
  ? `${T}`
  : T extends (infer Each)[]
    ? Json<Each>[]
    : T extends object
      ? { [Key in keyof T]: Json<T[Key]> }
      : T;

type Config<Custom> = {
  defaults: Omit<NonNullable<Panel["fieldConfig"]>["defaults"], "custom"> & { custom?: Custom };
  overrides: NonNullable<Panel["fieldConfig"]>["overrides"];
};

type Kind<Type extends string, Options, Custom = never> = Omit<
  Panel,
  "type" | "options" | "fieldConfig"
> & { type: Type; options: Options; fieldConfig: Config<Custom> };

type Panels =
  | RowPanel
  | Kind<"stat", Stat.Options>
  | Kind<"state-timeline", StateTimeline.Options, StateTimeline.FieldConfig>
  | Kind<"timeseries", TimeSeries.Options, TimeSeries.FieldConfig>;

export type Ours = Json<Omit<Dashboard, "panels"> & { panels: Panels[] }>;
