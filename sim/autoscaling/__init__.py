"""The HorizontalPodAutoscaler's own algorithm, pure: pods and their metrics in, how many replicas there should be out.

After Kubernetes' ``pkg/controller/podautoscaler`` (``replica_calculator.go``, ``horizontal.go``) and its documentation,
"Horizontal Pod Autoscaling", "Algorithm details". Quantities are whole thousandths (millicores, millibytes), rounded
where Kubernetes rounds, because its decisions hang on that.
"""
