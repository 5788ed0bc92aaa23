"""data, models, adversarial: everything of a kind that the tables of the configuration need."""


localrules:
    data,
    models,
    adversarial,


rule data:
    input:
        made("dataset"),


rule models:
    input:
        made("train", "adopt"),


rule adversarial:
    input:
        made("attack"),
