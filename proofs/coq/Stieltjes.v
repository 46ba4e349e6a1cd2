(** Which identities and error bounds do Riemann–Stieltjes sums and quadrature rules satisfy? *)
From Coq Require Import Reals Lra Lia Arith Classical.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Sums.
Open Scope R_scope.

(** RS.by_parts *)
Theorem stieltjes_by_parts n f a :
  left_sum n f a + right_sum n a f = f n * a n - f O * a O /\
  trapezoid_sum n f a + trapezoid_sum n a f = f n * a n - f O * a O.
Proof.
  unfold left_sum, right_sum, trapezoid_sum. rewrite <- !sumR_plus.
  rewrite <- (sumR_telescope n (fun l => f l * a l)).
  split; apply sumR_ext; intros; field.
Qed.

(** RS.trapezoid_error *)
Theorem right_minus_left n f a :
  right_sum n f a - left_sum n f a = sumR n (fun l => (f (S l) - f l) * (a (S l) - a l)) /\
  left_sum n f a + right_sum n f a = 2 * trapezoid_sum n f a.
Proof.
  unfold left_sum, right_sum, trapezoid_sum. rewrite <- sumR_minus, <- sumR_plus, <- sumR_scal.
  split; apply sumR_ext; intros; field.
Qed.

(** RS.trapezoid_central *)
Theorem trapezoid_is_central n f a : trapezoid_sum n f a = central_sum n f a.
Proof.
  unfold trapezoid_sum, central_sum. destruct n as [|n]; [simpl; field|].
  assert (H : forall l, (l <= n)%nat -> Nat.min (S l) (S n) = S l) by (intros; lia).
  assert (H' : Nat.min (S (S n)) (S n) = S n) by lia.
  remember (fun l => Nat.min (S l) (S n)) as next eqn:E.
  rewrite (sumR_ext (S (S n)) _ (fun l => f l * (a (next l) - a (Nat.pred l)))) by (rewrite E; auto).
  assert (Hn : forall l, (l <= n)%nat -> next l = S l) by (rewrite E; auto).
  assert (Hn' : next (S n) = S n) by (rewrite E; auto).
  clear E H H'.
  assert (E : forall m, (m <= n)%nat ->
    2 * sumR (S m) (fun l => (f l + f (S l)) / 2 * (a (S l) - a l))
    = sumR (S m) (fun l => f l * (a (next l) - a (Nat.pred l))) + f (S m) * (a (S m) - a m)).
  { induction m; intros Hm.
    - simpl. rewrite Hn by lia. field.
    - change (sumR (S (S m))) with (fun h => sumR (S m) h + h (S m)). cbv beta.
      rewrite Rmult_plus_distr_l, IHm by lia. rewrite Hn by lia. simpl Nat.pred. field. }
  specialize (E n (le_n n)).
  change (sumR (S (S n))) with (fun h => sumR (S n) h + h (S n)). cbv beta.
  rewrite Hn'. simpl Nat.pred. lra.
Qed.

(** RS.trapezoid_quadratic: Heads of degree at most 2. *)
Lemma quadratic_partial m c b Q k z :
  (k < m)%nat -> is_partial (quadratic m c b Q) k z (quadratic_grad m b Q k z).
Proof.
  intros Hk. unfold is_partial, quadratic.
  set (e := fun i => if Nat.eqb i k then 1 else 0).
  replace (quadratic_grad m b Q k z)
    with (0 + sumR m (fun i => b i * e i) + sumR m (fun i => sumR m (fun j => Q i j * (e i * z j + z i * e j)))).
  - repeat apply (@is_derive_plus R_AbsRing R_NormedModule);
      [apply (@is_derive_const R_AbsRing R_NormedModule) | |].
    + apply (is_derive_sumR m (fun i s => b i * upd z k s i)). intros i _.
      apply is_derive_scal, upd_derive.
    + apply (is_derive_sumR m (fun i s => sumR m (fun j => Q i j * (upd z k s i * upd z k s j)))). intros i _.
      apply (is_derive_sumR m (fun j s => Q i j * (upd z k s i * upd z k s j))). intros j _.
      apply is_derive_scal.
      replace (e i * z j + z i * e j)
        with (plus (mult (e i) (upd z k (z k) j)) (mult (upd z k (z k) i) (e j)))
        by (rewrite !upd_self; reflexivity).
      apply (@is_derive_mult R_AbsRing); try apply upd_derive. intros; apply Rmult_comm.
  - unfold quadratic_grad. unfold e. rewrite (sumR_delta m k b) by auto. rewrite Rplus_0_l. f_equal.
    rewrite (sumR_ext m _ (fun i => sumR m (fun j => Q i j * z j) * (if Nat.eqb i k then 1 else 0) + Q i k * z i)).
    2:{ intros i _. rewrite <- (sumR_delta m k (fun j => Q i j * z i)) at 1 by auto.
        rewrite <- sumR_scal_r, <- sumR_plus. apply sumR_ext. intros; ring. }
    rewrite sumR_plus, (sumR_delta m k (fun i => sumR m (fun j => Q i j * z j))) by auto.
    rewrite <- sumR_plus. apply sumR_ext. intros; ring.
Qed.

Lemma quadratic_cell m c b Q y z :
  sumR m (fun k => (quadratic_grad m b Q k y + quadratic_grad m b Q k z) / 2 * (z k - y k))
  = quadratic m c b Q z - quadratic m c b Q y.
Proof.
  unfold quadratic, quadratic_grad.
  set (q := fun u v : point => sumR m (fun i => sumR m (fun j => Q i j * (u i * v j)))).
  assert (Q1 : forall u v, sumR m (fun k => sumR m (fun j => (Q k j + Q j k) * u j) * v k) = q v u + q u v).
  { intros u v. unfold q. rewrite <- (sumR_swap m m (fun j i => Q i j * (u i * v j))), <- sumR_plus.
    apply sumR_ext. intros k _. rewrite <- sumR_scal_r, <- sumR_plus. apply sumR_ext. intros; ring. }
  rewrite (sumR_ext m _ (fun k => (b k * z k - b k * y k)
    + (/ 2 * (sumR m (fun j => (Q k j + Q j k) * y j) * z k - sumR m (fun j => (Q k j + Q j k) * y j) * y k)
    + / 2 * (sumR m (fun j => (Q k j + Q j k) * z j) * z k - sumR m (fun j => (Q k j + Q j k) * z j) * y k)))).
  2:{ intros; field. }
  rewrite !sumR_plus, !sumR_scal, !sumR_minus, !Q1. fold (q y y) (q z z). field.
Qed.

Lemma layer_sum_cells (rule_cell : R -> R -> R) n m (D : nat -> point -> R) h :
  sumR m (fun k => sumR n (fun l => rule_cell (D k (h l)) (D k (h (S l))) * (h (S l) k - h l k)))
  = sumR n (fun l => sumR m (fun k => rule_cell (D k (h l)) (D k (h (S l))) * (h (S l) k - h l k))).
Proof. apply sumR_swap. Qed.

(** RS.trapezoid_quadratic: Every sampling h of every path: no relation between the samples is assumed. *)
Theorem trapezoid_quadratic n m c b Q h :
  layer_sum trapezoid_sum n m (quadratic_grad m b Q) h = quadratic m c b Q (h n) - quadratic m c b Q (h O).
Proof.
  unfold layer_sum, trapezoid_sum.
  rewrite (layer_sum_cells (fun u v => (u + v) / 2)).
  rewrite <- (sumR_telescope n (fun l => quadratic m c b Q (h l))).
  apply sumR_ext. intros l _. apply quadratic_cell.
Qed.

Lemma quadratic_affine_grad m b k z : quadratic_grad m b (fun _ => vzero) k z = b k.
Proof. unfold quadratic_grad, vzero. rewrite sumR_0; [ring | intros; ring]. Qed.

(** RS.trapezoid_quadratic *)
Theorem left_right_affine n m c b h :
  let s := quadratic m c b (fun _ => vzero) in
  let ds := quadratic_grad m b (fun _ => vzero) in
  layer_sum left_sum n m ds h = s (h n) - s (h O) /\ layer_sum right_sum n m ds h = s (h n) - s (h O).
Proof.
  intros s ds. unfold s, ds. rewrite <- !(trapezoid_quadratic n m c b (fun _ => vzero) h).
  split; unfold layer_sum, left_sum, right_sum, trapezoid_sum; apply sumR_ext; intros k _;
    apply sumR_ext; intros l _; rewrite !quadratic_affine_grad; field.
Qed.

(** RS.trapezoid_quadratic: A left sum, or a right sum, that is complete on every one-cell sampling has an affine head.
    *)
Theorem left_right_affine_only m s D :
  ((forall h, layer_sum left_sum 1 m D h = s (h 1%nat) - s (h O)) \/
   (forall h, layer_sum right_sum 1 m D h = s (h 1%nat) - s (h O))) ->
  forall z, s z = s vzero + sumR m (fun k => D k vzero * z k).
Proof.
  intros [H|H] z.
  - specialize (H (fun l => match l with O => vzero | _ => z end)). cbv beta iota in H.
    replace (s z) with (s vzero + (s z - s vzero)) by ring. rewrite <- H. f_equal.
    unfold layer_sum, left_sum, vzero. apply sumR_ext. intros. simpl. ring.
  - specialize (H (fun l => match l with O => z | _ => vzero end)). cbv beta iota in H.
    assert (K : sumR m (fun k => D k vzero * z k) = -1 * layer_sum right_sum 1 m D
      (fun l => match l with O => z | _ => vzero end)).
    { unfold layer_sum, right_sum. rewrite <- sumR_scal. apply sumR_ext. intros. unfold vzero; simpl. ring. }
    rewrite K, H. ring.
Qed.

(** RS.trapezoid_quadratic: z_0^2 from 0 to 1 in one cell: the left sum is 0, the right sum 2, the difference of the
    head 1. *)
Theorem left_right_fail_quadratic :
  let s := quadratic 1 0 vzero (fun _ => vone) in
  let ds := quadratic_grad 1 vzero (fun _ => vone) in
  let h := fun l => match l with O => vzero | _ => vone end in
  layer_sum left_sum 1 1 ds h = 0 /\ layer_sum right_sum 1 1 ds h = 2 /\ s (h 1%nat) - s (h O) = 1.
Proof.
  unfold layer_sum, left_sum, right_sum, quadratic, quadratic_grad, vzero, vone. simpl.
  repeat split; ring.
Qed.
